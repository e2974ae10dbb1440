//! Changes of the store that a test makes where nobody asks for them.

/// Makes a change of the store as a test does, with an entry of its own.
pub(crate) fn changed<T>(
    store: &store::Store,
    work: impl FnOnce(&store::Change<'_>) -> Result<T, store::StoreError>,
) -> Result<T, store::StoreError> {
    let entry = store::NewAudit {
        at: directory::id::Millis(0),
        who: "test".to_owned(),
        origin: "unknown".to_owned(),
        action: "test.change".to_owned(),
        object: String::new(),
        detail: "{}".to_owned(),
    };
    store.change(|change| Ok(store::Changed::Kept(work(change)?, entry)))
}
