"""
What this newsroom teaches: every decision of an editor is a label, learnt within seconds and refitted at night.

``lessons`` writes the labels down, ``online`` learns them one by one, ``refit`` fits a candidate from all of them and
promotes it only if it is better, ``versions`` holds the models, ``outliers`` and ``drift`` watch, ``auto_approval``
decides whether the score may publish. Nothing here ever rejects.
"""
