"""The typed, asynchronous client of the controller's HTTP API: one noun a file.

Importing this package is cheap; `libs.client.api.client` brings aiohttp with it.
"""
