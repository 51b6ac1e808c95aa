"""What *authorised* means: the policy in force, matching records to drifts, the rules, and the decision."""
