CREATE TABLE "budgets" (
	"owner" text NOT NULL,
	"month" text NOT NULL,
	CONSTRAINT "budgets_owner_month_pk" PRIMARY KEY("owner","month")
);
--> statement-breakpoint
ALTER TABLE "items" ADD COLUMN "charged_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "reconciliation_runs" ADD COLUMN "started_by" text;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "submitted_by" text;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "update_charge" numeric(14, 6);--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "emergency_charge" numeric(14, 6);--> statement-breakpoint
CREATE INDEX "requests_submitted_by" ON "requests" USING btree ("submitted_by") WHERE "requests"."submitted_by" is not null;