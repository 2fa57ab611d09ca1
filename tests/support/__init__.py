"""What several test folders and the benches share."""
