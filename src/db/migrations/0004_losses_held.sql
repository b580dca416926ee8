ALTER TABLE "line_losses" ADD COLUMN "upfront_cost" numeric(14, 6);--> statement-breakpoint
ALTER TABLE "line_losses" ADD COLUMN "monthly_cost" numeric(14, 6);--> statement-breakpoint
ALTER TABLE "line_losses" ADD COLUMN "held_until" timestamp (3) with time zone;