"""What users would pick instead of LogLeap."""
