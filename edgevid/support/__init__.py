"""What every part of edgevid may use, and what knows of none of them."""
