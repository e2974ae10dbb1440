//! `muster directory key`: makes a credential, of which the provider gets the public part only.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args, ValueEnum};
use connect::Credential;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::{cli::Done, clock::Clock, server};

/// Make a key pair for an Entra app (with its certificate) or an Okta service app.
#[derive(Debug, Args)]
pub struct Key {
    /// The provider.
    #[arg(value_enum)]
    provider: Provider,
    /// Directory for the files.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Print JSON instead of text for people.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Provider {
    Entra,
    Okta,
}

impl Key {
    pub(super) fn run(&self) -> anyhow::Result<Done> {
        let (made, secret, public) = match self.provider {
            Provider::Entra => (
                Credential::entra(Clock::system().now())?,
                self.out.join("muster-entra.pem"),
                self.out.join("muster-entra.cer"),
            ),
            Provider::Okta => (
                Credential::okta()?,
                self.out.join("muster-okta.jwk"),
                self.out.join("muster-okta-public.jwk"),
            ),
        };
        for file in [&secret, &public] {
            if file.exists() {
                bail!(
                    "{} is there already; a key that is in use must not be lost, so name another directory with --out",
                    file.display()
                );
            }
        }
        std::fs::create_dir_all(&self.out)?;
        server::write_private(&secret, made.secret.expose_secret())?;
        server::write_private(&public, &made.public)?;
        let expires = made.expires.and_then(|at| jiff::Timestamp::from_millisecond(at.0).ok());
        if self.json {
            let told = json!({
                "secret_file": secret,
                "public_file": public,
                "name": made.name,
                "public": made.public,
                "expires": expires.map(|at| at.to_string()),
            });
            println!("{told}");
            return Ok(Done::Ok);
        }
        match self.provider {
            Provider::Entra => self.tell_entra(&made, (&secret, &public), expires),
            Provider::Okta => Self::tell_okta(&made, &secret),
        }
        Ok(Done::Ok)
    }

    fn tell_entra(
        &self,
        made: &Credential,
        (secret, public): (&Path, &Path),
        expires: Option<jiff::Timestamp>,
    ) {
        println!("Certificate for Entra ID made, in {}:", self.out.display());
        println!(
            "  {}  upload this: App registrations > the app > Certificates & secrets >",
            public.display()
        );
        println!("  Certificates > Upload certificate. Entra then shows the thumbprint");
        println!("  {}", made.name);
        println!("  {}  keep this to yourself: it is the --secret-file of", secret.display());
        println!("  muster directory add … --provider entra --set tenant=… --set client_id=…");
        if let Some(at) = expires {
            println!(
                "It is good until {}; make the next one before that.",
                at.strftime("%Y-%m-%d")
            );
        }
    }

    fn tell_okta(made: &Credential, secret: &Path) {
        println!("Key for Okta made. Paste this public key: Applications > the app > General >");
        println!("Client Credentials > Public key / Private key > Add key:");
        println!();
        println!("{}", made.public);
        println!();
        println!("{}  keep this to yourself: it is the --secret-file of", secret.display());
        println!("muster directory add … --provider okta --set url=… --set client_id=…");
    }
}
