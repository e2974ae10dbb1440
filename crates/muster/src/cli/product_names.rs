//! `muster directory product-names`, and the same in a preview.

use clap::Args;
use directory::product_names::RefusedNames;

use crate::api::product_names;
use crate::cli::{
    Done, Remote,
    client::{Client, path_part},
};

/// Tell which names products refuse or change, and the rules that mend them.
#[derive(Debug, Args)]
pub struct ProductNames {
    /// The directory's name.
    name: String,
    #[command(flatten)]
    remote: Remote,
}

impl ProductNames {
    pub(super) async fn run(self) -> anyhow::Result<Done> {
        let path = format!("/directories/{}/product-names", path_part(&self.name));
        let found: Vec<RefusedNames> = Client::new(&self.remote)?.get(&path).await?;
        if self.remote.json {
            println!("{}", crate::safe::json(&found));
        } else if found.is_empty() {
            println!(
                "every name is taken by the products that applications were made for; `muster application product` says \
                 which product an application is for"
            );
        } else {
            for one in &found {
                println!("{}", product_names::line(one));
                println!("  source: {}", one.source);
                match &one.mend {
                    Some(mend) => {
                        println!(
                            "  in the rules (`muster directory rules {} --set FILE`):",
                            self.name
                        );
                        mend.lines().for_each(|line| println!("    {line}"));
                    }
                    None => println!("  no rule can mend it: change the names at the provider"),
                }
            }
        }
        Ok(Done::Ok)
    }
}
