//! The same hosts behind a certificate that nobody trusts, as behind a proxy that opens TLS.
//!
//! Invariant: whoever accepts the certificate meets the same answers; nothing is kept or looked at on the way.

use std::{net::SocketAddr, sync::Arc};

use rcgen::{CertificateParams, KeyPair};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivatePkcs8KeyDer},
};

use crate::SimulatorError;

/// An acceptor with a certificate of its own making.
pub(crate) fn acceptor() -> Result<TlsAcceptor, SimulatorError> {
    let key = KeyPair::generate().map_err(|_| SimulatorError::Keys)?;
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names)
        .and_then(|parameters| parameters.self_signed(&key))
        .map_err(|_| SimulatorError::Keys)?;
    let private = PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], private.into())
        })
        .map_err(|_| SimulatorError::Keys)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Passes on what comes through TLS until stopped.
pub(crate) async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    to: SocketAddr,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let Ok((stream, _)) = accepted else { continue };
        let acceptor = acceptor.clone();
        connections.spawn(async move {
            // How a connection ends is the client's business.
            if let (Ok(mut outer), Ok(mut inner)) =
                (acceptor.accept(stream).await, TcpStream::connect(to).await)
            {
                let _ = copy_bidirectional(&mut outer, &mut inner).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
    connections.shutdown().await;
}
