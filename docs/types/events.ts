// Generated from docs/events.schema.json by `make types`.

/**
 * One event of wagrun: the body of a webhook, the detail of an EventBridge entry, a message of the topic. docs/events.md explains each field.
 */
export type WagrunEvent =
  | PageEvent
  | ImageEvent
  | DocumentEvent
  | ObjectEvent
  | SubscriberDisabledEvent
  | SubscriberTestEvent
  | SiteDeployedEvent
  | SiteDeploymentFailedEvent;
/**
 * A change of a page, or its present state (snapshot).
 */
export type PageEvent = Envelope & {
  type:
    | "wagtail.page.created"
    | "wagtail.page.updated"
    | "wagtail.page.published"
    | "wagtail.page.unpublished"
    | "wagtail.page.moved"
    | "wagtail.page.deleted"
    | "wagtail.page.snapshot";
  subject: string;
  data: PageData;
};
/**
 * A page after the change; for a deleted page its last known state.
 */
export type PageData = CommonData & {
  id: number;
  title: string | null;
  slug: string | null;
  /**
   * The path in the tree of pages, which begins with the root's slug.
   */
  url_path: string | null;
  live: boolean | null;
  first_published_at: null | Time;
  last_published_at: null | Time;
  latest_revision: number | null;
  live_revision: number | null;
  /**
   * The first of urls; null when no site serves the page.
   */
  url: string | null;
  /**
   * All addresses of the page.
   */
  urls: string[];
  visible_to: VisibleTo;
  groups?: Groups;
  previous: PreviousPage;
};
/**
 * The object's primary key.
 */
export type Key = number | string;
export type Time = string;
/**
 * The people who may see the object once it is live.
 */
export type VisibleTo = "public" | "password" | "login" | "groups" | "nobody";
/**
 * The names of the groups that may see it. Present when visible_to is groups.
 */
export type Groups = string[];
/**
 * A change of an image, or its present state (snapshot).
 */
export type ImageEvent = Envelope & {
  type: "wagtail.image.created" | "wagtail.image.updated" | "wagtail.image.deleted" | "wagtail.image.snapshot";
  subject: string;
  data: ImageData;
};
/**
 * An image after the change; for a deleted image its last known state.
 */
export type ImageData = CommonData & {
  id: Key;
  title: string | null;
  /**
   * The small columns of the object, by name. They are the site's own, so anything may be here.
   */
  fields?: {
    [k: string]: unknown;
  };
  /**
   * Old values, of those fields that differ.
   */
  previous: {
    [k: string]: unknown;
  };
};
/**
 * A change of a document, or its present state (snapshot).
 */
export type DocumentEvent = Envelope & {
  type: "wagtail.document.created" | "wagtail.document.updated" | "wagtail.document.deleted" | "wagtail.document.snapshot";
  subject: string;
  data: DocumentData;
};
/**
 * A document after the change; for a deleted document its last known state.
 */
export type DocumentData = CommonData & {
  id: Key;
  title: string | null;
  visible_to: VisibleTo;
  groups?: Groups;
  /**
   * The small columns of the object, by name. They are the site's own, so anything may be here.
   */
  fields?: {
    [k: string]: unknown;
  };
  /**
   * Old values, of those fields that differ.
   */
  previous: {
    [k: string]: unknown;
  };
};
/**
 * A change of anything else: a snippet, a site, a locale, a collection, a redirect, settings, a table that is watched by name.
 */
export type ObjectEvent = Envelope & {
  /**
   * wagtail.<model>.<action>; or wagtail.<app>.<model>.<action> for a model that is called page, image or document.
   */
  type: string;
  subject: string;
  data: ObjectData;
};
/**
 * An object after the change; for a deleted object its last known state.
 */
export type ObjectData = CommonData & {
  id: Key;
  /**
   * The value of its column title, or else name; null without one.
   */
  title: string | number | boolean | null;
  /**
   * The small columns of the object, by name. They are the site's own, so anything may be here.
   */
  fields?: {
    [k: string]: unknown;
  };
  /**
   * Old values, of those fields that differ.
   */
  previous: {
    [k: string]: unknown;
  };
};
/**
 * A subscriber was switched off.
 */
export type SubscriberDisabledEvent = Envelope & {
  type: "subscriber.disabled";
  subject: string;
  data: SubscriberDisabledData;
};
/**
 * An operator tests a subscriber. It goes to that subscriber alone.
 */
export type SubscriberTestEvent = Envelope & {
  type: "subscriber.test";
  subject: string;
  data: SubscriberTestData;
};
/**
 * A released image is in service.
 */
export type SiteDeployedEvent = Envelope & {
  type: "site.deployed";
  subject: "site";
  data: ReleaseData;
};
/**
 * A release failed. The previous version is still in service.
 */
export type SiteDeploymentFailedEvent = Envelope & {
  type: "site.deployment_failed";
  subject: "site";
  data: FailedReleaseData;
};
export type FailedReleaseData = ReleaseData & {
  phase: string;
  /**
   * The end of the reason.
   */
  reason: string;
};

/**
 * The fields of every event: CloudEvents 1.0 and its extensions partitioning and sequence, and three of wagrun.
 */
export interface Envelope {
  specversion: "1.0";
  /**
   * Never changes, also when the event is sent again.
   */
  id: string;
  /**
   * /wagrun/<stack>
   */
  source: string;
  /**
   * The time of the change, RFC 3339 in UTC.
   */
  time: string;
  datacontenttype: "application/json";
  /**
   * The same as subject. Events with one key come in order.
   */
  partitionkey: string;
  /**
   * Grows for one partitionkey. Compare it as text: it has sixteen digits.
   */
  sequence: string;
  /**
   * Present when the event is sent again at an operator's request.
   */
  replayed?: true;
  /**
   * Present when the event is for one subscriber only.
   */
  subscriber?: string;
  /**
   * Present in a replay or a snapshot: the id of the request.
   */
  backfill?: string;
}
/**
 * The data of every event about content.
 */
export interface CommonData {
  /**
   * app.model, such as blog.blogpage.
   */
  content_type: string;
  /**
   * The language code. Absent when the object is not translatable.
   */
  locale?: string;
  /**
   * null when the database does not know the editor.
   */
  editor: null | Editor;
  /**
   * The names of the fields that differ, sorted.
   */
  changed: string[];
  /**
   * Present when a part of the object is missing. Missing fields are null.
   */
  incomplete?: true;
  /**
   * Present when the event was too large: previous is empty, and long texts are cut.
   */
  truncated?: true;
}
export interface Editor {
  id: Key;
  username: string | null;
}
/**
 * Old values, of those fields that differ.
 */
export interface PreviousPage {
  title?: string | null;
  slug?: string | null;
  url_path?: string | null;
  live?: boolean | null;
  first_published_at?: null | Time;
  last_published_at?: null | Time;
  latest_revision?: number | null;
  live_revision?: number | null;
  url?: string | null;
  urls?: string[];
  visible_to?: VisibleTo;
  groups?: Groups;
}
export interface SubscriberDisabledData {
  name: string;
  reason: string;
  at: string;
}
export interface SubscriberTestData {
  name: string;
  title: string;
  /**
   * Present for a subscriber with requests of its own.
   */
  id?: 0;
  /**
   * Present for a subscriber with requests of its own.
   */
  live?: true;
  /**
   * Present for a subscriber with requests of its own.
   */
  visible_to?: "public";
  url?: string;
  urls?: string[];
}
export interface ReleaseData {
  image: string;
  digest: string;
  tag: string | null;
  platform: string;
  /**
   * null when migrate failed.
   */
  migrations_applied: number | null;
  milliseconds: number;
}
