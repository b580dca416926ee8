import type { HTTPMethods, RouteOptions } from 'fastify';
import { ProvisioningError } from '../domain/errors.ts';
import { clipped } from '../domain/text.ts';
import type { App } from './deps.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const satisfies readonly HTTPMethods[];

/**
 * Notes the routes that are registered after it. The function that it returns closes each of their paths for the methods that it
 * does not have: such a call gets 405 and `Allow`, where Fastify would say that the path does not exist. Call it when all routes
 * are there.
 */
export function closeOtherMethods(app: App): () => void {
  const routes = new Map<string, RouteOptions[]>();
  app.addHook('onRoute', (route) => {
    // The pages of the description belong to a package, and its paths overlap.
    if (route.url.startsWith('/docs')) return;
    routes.set(route.url, [...(routes.get(route.url) ?? []), route]);
  });
  return () => {
    for (const [url, known] of [...routes]) {
      const allowed: readonly string[] = known.flatMap(({ method }) => method);
      const method = METHODS.filter((name) => !allowed.includes(name));
      if (method.length === 0) continue;
      const isPublic = known.some(({ config }) => config?.access === 'public');
      app.route({
        method,
        url,
        // A reader learns it too: that a method does not exist is no secret of the operators.
        config: { access: isPublic ? 'public' : 'viewer' },
        schema: { hide: true },
        onRequest: async (request, reply) => {
          reply.header('allow', METHODS.filter((name) => allowed.includes(name)).join(', '));
          const path = clipped(request.url.split('?')[0] ?? '', 200);
          const message = `there is no ${request.method} ${path}; it has ${allowed.join(', ')}`;
          throw new ProvisioningError('method_not_allowed', 'rejected', message);
        },
        handler: () => undefined,
      });
    }
  };
}
