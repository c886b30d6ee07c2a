//! Recorded offers and what is answered to them.
