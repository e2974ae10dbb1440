//! Names that products refuse or change, for each product that an application was made for.

use axum::extract::State;
use directory::{
    id::DirectoryId,
    preview::Preview,
    product_names::{Product, RefusedNames, Subject, refusals, survey},
};
use store::Store;

use super::{
    Problem,
    extract::{Json, Path},
};
use crate::{app::App, service::connection::named};

/// Names shown of each rule.
const SHOWN: usize = 10;

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

/// The same of the names that would be served after what is previewed.
///
/// # Errors
/// When the store cannot be read.
pub async fn then(
    app: &App,
    id: DirectoryId,
    preview: &Preview,
) -> anyhow::Result<Vec<RefusedNames>> {
    let products = products(app, id).await?;
    let Some(served) = app.served(id).filter(|_| !products.is_empty()) else {
        return Ok(Vec::new());
    };
    let (users, groups) = preview.names_after(&served);
    let (users, groups) = (users.iter().map(String::as_str), groups.iter().map(String::as_str));
    Ok(survey(&products, users, groups))
}

/// What one rule of a product refuses, on one line.
pub fn line(one: &RefusedNames) -> String {
    let what = match (one.subject, one.count) {
        (Subject::User, 1) => "user name",
        (Subject::User, _) => "user names",
        (Subject::Group, 1) => "group name",
        (Subject::Group, _) => "group names",
    };
    let names: Vec<String> = one.names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let more = if one.count > SHOWN { ", …" } else { "" };
    format!("{} {what}: {}: {}{more}", one.count, one.effect, names.join(", "))
}

/// What products do with the name of one user, as sentences.
pub(super) fn of_user(products: &[Product], name: &str) -> Vec<String> {
    let all = products.iter().flat_map(|product| {
        refusals(*product, Subject::User, name)
            .map(move |rule| format!("{} {} (`{name}`)", product.name(), rule.effect))
    });
    all.collect()
}
