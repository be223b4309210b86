"""What runs on a user's machine: the typed client of the controller's API and the `deis` command.

`libs.client.api` speaks HTTP and knows no terminal; `libs.client.commands` knows terminals and no HTTP. Neither
imports anything that a daemon needs: installing the command brings four libraries and no more.

    async with open_client("http://deis.localhost:8080", token=token) as client:
        await client.apps.create("fancy-paper")
        await client.builds.create("fancy-paper", image="example/web:1")
"""
