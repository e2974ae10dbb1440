//! From which position of the change log an application has to be told again, kept in the store.
//!
//! Invariant: a floor that cannot be read or written costs a product a full synchronisation, never a
//! change that it is not told.
