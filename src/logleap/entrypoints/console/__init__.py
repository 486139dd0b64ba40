"""The web console at /console: pages for people, made on the server from the use cases that the API has."""
