export const allRoutes: readonly import("../http/request.ts").Route[] = [];
