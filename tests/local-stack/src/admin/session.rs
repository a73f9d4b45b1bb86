//! A session of the admin: sends requests and checks what the admin answers.

use std::sync::Arc;

use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::{ACCEPT, LOCATION, REFERER};
use reqwest::multipart;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use testing::secrets::{Kind, recorded};
use tokio::sync::Mutex;

use super::error::AdminError;
use super::fields::Fields;
use super::html::{self, Form};
use super::ids::key_in;

/// The admin's front page.
const HOME: &str = "/admin/";

/// A session of the admin after the log-in. Clones share it.
#[derive(Debug, Clone)]
pub struct Admin {
    client: Client,
    cookies: Arc<Jar>,
    base: Url,
    /// Sessions with the same turn save one after the other.
    turn: Option<&'static Mutex<()>>,
}

/// An answer of the admin, with any status.
pub(super) struct Answer {
    request: String,
    status: StatusCode,
    location: Option<String>,
    pub(super) body: String,
}

impl Admin {
    /// Logs in with the form at `/admin/login/`. `site` is the root of the site, such as `http://127.0.0.1:8000/`.
    pub async fn login(site: Url, username: &str, password: &str) -> Result<Self, AdminError> {
        testing::install_crypto();
        let cookies = Arc::new(Jar::default());
        let client = Client::builder()
            .cookie_provider(Arc::clone(&cookies))
            // A redirect means success, so it must not be followed.
            .redirect(Policy::none())
            // A proxy of the developer must not be used between two processes of one machine.
            .no_proxy()
            .build()
            .map_err(|source| AdminError::request("build an HTTP client", source))?;
        let admin = Self {
            client,
            cookies,
            base: site,
            turn: None,
        };
        // The first page sets the cookie with which the token of the form is compared.
        admin.get("/admin/login/").await?;
        let form = [
            ("username", username),
            ("password", password),
            ("next", HOME),
        ];
        admin
            .post("/admin/login/", &form)
            .await?
            .redirected_to(HOME)?;
        admin.record_cookies();
        Ok(admin)
    }

    /// Makes this session save when no other session with this turn does.
    pub fn in_turn(mut self, turn: &'static Mutex<()>) -> Self {
        self.turn = Some(turn);
        self
    }

    /// Requests a page. Any other status than 200 is an error.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, AdminError> {
        let answer = self
            .send(format!("GET {path}"), self.client.get(self.url(path)?))
            .await?;
        if answer.status == StatusCode::OK {
            Ok(answer)
        } else {
            Err(answer.refused())
        }
    }

    /// Returns the form at `path` that posts to `path`, with unchanged fields.
    pub(super) async fn form(&self, path: &str) -> Result<Form, AdminError> {
        let answer = self.get(path).await?;
        Form::parse(&answer.body, path)
            .ok_or_else(|| answer.without("the form that posts to this address"))
    }

    pub(super) async fn post<K: AsRef<str>, V: AsRef<str>>(
        &self,
        path: &str,
        fields: &[(K, V)],
    ) -> Result<Answer, AdminError> {
        let request = self.form_request(path, fields)?;
        self.save(path, request).await
    }

    /// Posts like the script of the page editor, which requests an answer in JSON.
    pub(super) async fn post_for_json<K: AsRef<str>, V: AsRef<str>>(
        &self,
        path: &str,
        fields: &[(K, V)],
    ) -> Result<Answer, AdminError> {
        let request = self
            .form_request(path, fields)?
            .header(ACCEPT, "application/json");
        self.save(path, request).await
    }

    /// Builds a POST request with the CSRF token.
    fn form_request<K: AsRef<str>, V: AsRef<str>>(
        &self,
        path: &str,
        fields: &[(K, V)],
    ) -> Result<RequestBuilder, AdminError> {
        let mut body: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref()))
            .collect();
        let token = self.csrf_token();
        body.push(("csrfmiddlewaretoken", &token));
        Ok(self
            .client
            .post(self.url(path)?)
            .header(REFERER, self.base.as_str())
            .form(&body))
    }

    /// Reads the form at `path`, changes fields, and posts it.
    pub(super) async fn submit(&self, path: &str, fields: &Fields) -> Result<(), AdminError> {
        let form = fields.fill(self.form(path).await?);
        self.post(path, &form).await?.redirected().map(drop)
    }

    /// Confirms an action at `path`.
    pub(super) async fn confirm(&self, path: &str) -> Result<(), AdminError> {
        let answer = self.post::<&str, &str>(path, &[]).await?;
        answer.redirected().map(drop)
    }

    /// Returns the key in the newest link of the messages at `location`. The link is `<before><key><after>`.
    ///
    /// `missing` describes the message in the error.
    pub(super) async fn announced(
        &self,
        location: &str,
        before: &str,
        after: &str,
        missing: &'static str,
    ) -> Result<i64, AdminError> {
        let answer = self.get(location).await?;
        let links = html::message_links(&answer.body);
        let key = links
            .iter()
            .rev()
            .find_map(|link| key_in(link, before, after));
        key.ok_or_else(|| answer.without(missing))
    }

    pub(super) async fn upload(
        &self,
        path: &str,
        form: multipart::Form,
    ) -> Result<Answer, AdminError> {
        let form = form.text("csrfmiddlewaretoken", self.csrf_token());
        let request = self
            .client
            .post(self.url(path)?)
            .header(REFERER, self.base.as_str())
            .multipart(form);
        self.save(path, request).await
    }

    /// Posts when it is this session's turn.
    async fn save(&self, path: &str, request: RequestBuilder) -> Result<Answer, AdminError> {
        let _guard = match self.turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        self.send(format!("POST {path}"), request).await
    }

    async fn send(
        &self,
        description: String,
        request: RequestBuilder,
    ) -> Result<Answer, AdminError> {
        let failed = |source| AdminError::request(description.clone(), source);
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let location = response
            .headers()
            .get(LOCATION)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let body = response.text().await.map_err(failed)?;
        Ok(Answer {
            request: description,
            status,
            location,
            body,
        })
    }

    fn url(&self, path: &str) -> Result<Url, AdminError> {
        self.base.join(path).map_err(|source| AdminError::Address {
            path: path.to_owned(),
            source,
        })
    }

    /// Records the values of the cookies, which let their bearer into the admin.
    fn record_cookies(&self) {
        let cookies = self.cookies.cookies(&self.base);
        let cookies = cookies.as_ref().and_then(|value| value.to_str().ok());
        for (_, value) in cookies
            .into_iter()
            .flat_map(|all| all.split("; "))
            .filter_map(|one| one.split_once('='))
        {
            recorded(Kind::Session, value.to_owned());
        }
    }

    /// Returns the CSRF token. The value of the cookie is a valid token, so a request needs no form.
    fn csrf_token(&self) -> String {
        let cookies = self.cookies.cookies(&self.base);
        cookies
            .as_ref()
            .and_then(|header| header.to_str().ok())
            .and_then(|header| {
                header
                    .split("; ")
                    .find_map(|cookie| cookie.strip_prefix("csrftoken="))
            })
            .unwrap_or_default()
            .to_owned()
    }
}

impl Answer {
    /// Returns the address of the redirect, with which the admin reports success.
    pub(super) fn redirected(self) -> Result<String, AdminError> {
        match (self.status.is_redirection(), &self.location) {
            // A redirect to the front page means a lack of permission, or a page that is locked.
            (true, Some(location)) if location != HOME => Ok(location.clone()),
            _ => Err(self.refused()),
        }
    }

    /// Checks that the admin redirected to `path`, where only this address means success.
    pub(super) fn redirected_to(&self, path: &str) -> Result<(), AdminError> {
        if self.status.is_redirection() && self.location.as_deref() == Some(path) {
            Ok(())
        } else {
            Err(self.refused())
        }
    }

    /// Returns the error for an answer that does not mean success.
    pub(super) fn refused(&self) -> AdminError {
        AdminError::Refused {
            request: self.request.clone(),
            status: self.status,
            location: self.location.clone(),
            page: html::excerpt(&self.body),
        }
    }

    /// Returns the error for a page without an expected element.
    pub(super) fn without(&self, missing: &'static str) -> AdminError {
        AdminError::Missing {
            request: self.request.clone(),
            missing,
            page: html::excerpt(&self.body),
        }
    }
}
