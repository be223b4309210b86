"""A crowd: users of apps who forgive nothing, in a process of their own (`python -m tests.support.crowd`).

`party` says who they are and what they report; `people` are the clients; `seen` is what the test's side knows of them.
"""
