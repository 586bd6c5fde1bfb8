"""The rules, each a function named for what it does. ``COMMENTS["RULES"]`` lists those in force."""
