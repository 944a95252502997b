"""What raw files hold, looked at before there is a system file, and the system file that is proposed from it."""
