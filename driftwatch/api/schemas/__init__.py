"""What the API takes and gives, as models: for its document, and to refuse what is not so. Answers are made by `operations.describe`."""
