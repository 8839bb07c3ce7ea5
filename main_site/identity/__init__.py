"""Who is who at the host: the centre's own certificate authority and the operator's login."""
