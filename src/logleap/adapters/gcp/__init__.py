"""The distributed backend on Google Cloud: Firestore, BigQuery and Pub/Sub."""
