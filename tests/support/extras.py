"""What the core install lacks."""

EXTRAS = ("aiohttp", "jinja2", "keras", "matplotlib", "paho", "scipy", "sklearn", "tensorflow")
