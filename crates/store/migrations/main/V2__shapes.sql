-- How an application sees groups in groups, and under which names people who were renamed.
ALTER TABLE application ADD COLUMN flattened BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE application ADD COLUMN frozen_names BOOLEAN NOT NULL DEFAULT FALSE;

-- The name under which an application with frozen names first knew somebody who was renamed since.
CREATE TABLE frozen_name (
    application BIGINT NOT NULL,
    directory BIGINT NOT NULL,
    no BIGINT NOT NULL,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL,
    PRIMARY KEY (application, directory, no),
    UNIQUE (application, directory, folded_name)
);
