"""What happens around each call: authentication, quotas, observability."""
