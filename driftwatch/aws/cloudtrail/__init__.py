"""Sources of logged calls: the trail's bucket, a queue, and CloudTrail itself."""
