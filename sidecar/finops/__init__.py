"""Pure reports over booked rows."""
