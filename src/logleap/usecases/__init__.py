"""What LogLeap does. Each use case loads, decides (in the domain), stores."""
