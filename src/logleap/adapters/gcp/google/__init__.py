"""What all of Google's services share: clients, credentials, deadlines, errors."""
