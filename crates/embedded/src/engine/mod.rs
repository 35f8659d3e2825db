//! The ordered key-value store beneath MVCC, in memory or in a folder.
