"""How the API words what goes wrong: every code with its status, and every refusal with its code."""
