//! Configuration: every key, its type, default, check and documentation, as rows of one table.
