"""What the API takes and answers: parameters, responses, problems, and the OpenAPI document of them."""
