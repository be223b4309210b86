"""The deployer's neighbours in its tests: agents and routers in miniature, and a platform around it."""
