"""
What people are told: of a reply, a mention, something new where they follow, and what became of their own comments.

:mod:`telling` says who has to be told and writes it down, once; :mod:`reading` is what they see of it; :mod:`mails`
writes it into the outbox, at once or as a digest; :mod:`choices` is what they wish; :mod:`following` what they follow.
Nothing happens in a request: a decision is followed by a task, and what no message reached is found by the clock.
"""
