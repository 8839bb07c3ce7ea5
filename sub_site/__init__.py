"""The application of a sub-site: seats and recording at the edge, an outbox and a dialled link to the host."""
