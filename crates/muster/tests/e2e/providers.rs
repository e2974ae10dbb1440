//! Tests that are the same for every provider.

/// Makes a test of each function for each provider, in a module of its name.
macro_rules! for_each_provider {
    ($($name:ident),* $(,)?) => {
        for_each_provider!(@ entra Entra $($name)*);
        for_each_provider!(@ google Google $($name)*);
        for_each_provider!(@ okta Okta $($name)*);
    };
    (@ $module:ident $provider:ident $($name:ident)*) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(simulator::Provider::$provider).await;
                }
            )*
        }
    };
}
