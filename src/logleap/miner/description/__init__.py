"""What a model says about each template: values, times, what follows."""
