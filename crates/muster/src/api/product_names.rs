//! Names that products refuse or change, for each product that an application was made for.

use axum::extract::State;
use directory::{
    id::DirectoryId,
    product_names::{Product, RefusedNames, Subject, refusals, survey},
};
use store::Store;

use super::{
    Problem,
    directory::named,
    extract::{Json, Path},
};
use crate::app::App;

/// The products that read a directory, as far as somebody said what they are.
pub(super) async fn products(app: &App, id: DirectoryId) -> anyhow::Result<Vec<Product>> {
    let rows = app.blocking(Store::applications).await?;
    let reading = rows.into_iter().filter(|row| row.sight.directories.contains(&id));
    let mut products: Vec<Product> =
        reading.filter_map(|row| Product::of_key(row.product.as_deref()?)).collect();
    products.sort_unstable();
    products.dedup();
    Ok(products)
}

/// Names that products refuse or change.
#[utoipa::path(get, path = "/directories/{name}/product-names", tag = "people", responses(
    (status = 200, description = "What is refused, rule by rule of each product that an application was made for.", body = Vec<RefusedNames>),
))]
pub(super) async fn list(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<Vec<RefusedNames>>, Problem> {
    let row = named(&app, &name).await?;
    let products = products(&app, row.id).await?;
    let Some(served) = app.served(row.id).filter(|_| !products.is_empty()) else {
        return Ok(Json(Vec::new()));
    };
    let looking = tokio::task::spawn_blocking(move || {
        let users = served.users_from(0).map(|(_, user)| user.name());
        let groups = served.groups_from(0).map(|(_, group)| group.name());
        survey(&products, users, groups.map(directory::name::Name::as_str))
    });
    Ok(Json(looking.await.map_err(anyhow::Error::from)?))
}

/// The same of names that would be served.
pub(super) fn of_names(
    products: &[Product],
    (users, groups): &(Vec<String>, Vec<String>),
) -> Vec<RefusedNames> {
    survey(products, users.iter().map(String::as_str), groups.iter().map(String::as_str))
}

/// What products do with the name of one user, as sentences.
pub(super) fn of_user(products: &[Product], name: &str) -> Vec<String> {
    let all = products.iter().flat_map(|product| {
        refusals(*product, Subject::User, name)
            .map(move |rule| format!("{} {} (`{name}`)", product.name(), rule.effect))
    });
    all.collect()
}
