-- Short-lived state has a file of its own, so that a large run never makes a product wait.

-- From which position of the change log an application at an address was last served a whole user list.
CREATE TABLE floor (
    application BIGINT NOT NULL,
    client TEXT NOT NULL,
    at BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (application, client)
);
