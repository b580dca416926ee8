DROP INDEX "requests_idempotency_key";--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "key_space" text;--> statement-breakpoint
-- Written by hand: what we filed ourselves (retries, repairs) goes to its own space; the keys of clients, whose names were not
-- noted, go to the one that every client also looks into.
UPDATE "requests" SET "key_space" = CASE
    WHEN "idempotency_key" = 'retry-' || "filed_by" OR starts_with("idempotency_key", 'repair-' || "filed_by" || '-') THEN 'internal'
    ELSE 'shared'
  END
  WHERE "idempotency_key" IS NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "requests_idempotency_key" ON "requests" USING btree ("key_space","idempotency_key");
