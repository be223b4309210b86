"""The controller: the HTTP API under `/v1/` (that of Deis v1) and the intent behind it; it also runs the deployer.

It reads everything from mirrors, and writes `platform/`, `users/`, `tokens/`, `keys/`, `certs/`, `apps/`, `builds/`,
`releases/`, `domains/` and `events/`, each by compare-and-swap of one key: the immutable part first (a release), then
the pointer (the app). The deployer, led by one controller of several, writes `rollouts/` and `retiring/`, puts an app
back to the release before a failed one, and deletes what a destroyed app leaves.

It must never start or stop an instance of an app's formation from a request: a request writes what is wanted and waits
for the deployer's word. Only a one-off run is the request's own, and ends with its command. It must never store a
password, a token, a config value or a private key in the clear, nor change anything for a request that it refuses.
"""
