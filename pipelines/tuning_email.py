"""The whole run as in tuning.py, ended by an e-mail that Vertex AI sends. It runs on Vertex AI only.

The e-mail gives the state of the run and a link to it, nothing of the decision; no step is left that could log the run
in its experiment, or cancel the tuning job of a failed run (`gemtune runs cancel` does).
"""

from google_cloud_pipeline_components.v1.vertex_notification_email import VertexNotificationEmailOp
from kfp import dsl

from pipelines.compiler import form_of
from pipelines.tuning import tune_and_compare


@dsl.pipeline(name="gemini-tuning-email", display_name="Gemini tuning, ended by an e-mail")
@form_of(tune_and_compare, recipients="E-mail addresses, up to 3, that are told the state in which the run ended.")
def tuning_email(recipients: list, **given):
    """Tune a Gemini model, measure it beside its baseline, promote it only if it is better, and send an e-mail."""
    finish = VertexNotificationEmailOp(recipients=recipients)
    finish.set_display_name("Notification").set_caching_options(False)
    tune_and_compare(finish, **given)
