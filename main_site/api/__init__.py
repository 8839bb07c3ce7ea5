"""The host's HTTP routes; each states its permission in `evalroom.roles.ROUTES`."""
