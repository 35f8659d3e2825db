//! Which regions and stores there are: splits, merges, leaders.
