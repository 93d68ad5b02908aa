"""What runs leave behind in the cloud: whose it is, what must stay, and how the rest goes."""
